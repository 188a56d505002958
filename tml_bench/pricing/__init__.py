"""What services cost: tables of dated prices, and what a usage costs by them."""
