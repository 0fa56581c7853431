"""What is estimated from records and extracted tables; figures, page and CSV files take their numbers from here."""
