"""What is owed for charges: invoices, and what becomes of them. Pure."""
