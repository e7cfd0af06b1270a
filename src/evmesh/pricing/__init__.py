"""What a charge costs: estimate, running session, CDR and invoice, all by one engine, to the last digit.

Documents go in as canonical dictionaries (2.3.0 words, exact numbers); clock, zone and ids are arguments; nothing here
reads a file, asks a server or looks at a watch.

| question | function | answer |
|---|---|---|
| what does this CDR cost, and why | `price.price` | a `Bill`: lines, subtotals, totals, findings |
| is its claim right | `check.check` | a `Check`: the verdict, and the habit behind a difference |
| what would a charge cost | `quote.quote`, `quote.cost_curve` | a `Bill`; a curve |
| what does the session cost so far | `generation.running_cost` | a Price object |
| which periods and costs go into our CDR | `generation.charging_periods`, `generation.cdr_costs` | documents |
| a CDR fit to be sent, and its credit | `issuing.issue_cdr`, `issuing.credit_cdr` | documents |
| what is wrong with this tariff | `lint.lint` | advice, each with a fix |
| what does it say | `explain.explain`, `explain.explain_bill` | sentences |
| what changes from one tariff to the next | `diff.diff` | money, on typical charges |
| many charges, one tariff | `compiled.compile_plan` | a function made for that tariff |
| millions of charges, one tariff | `batch.price_columns` | columns (numpy) |

`price` is the reference and explains the rules; `compiled` and `batch` are quick and give the same figures. What the
specification leaves open is a field of `policy.PricingPolicy`.
"""
