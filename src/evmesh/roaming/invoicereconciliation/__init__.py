"""Which CDRs stand on which invoice. [mod_invoice_reconciliation_module]"""
