"""Recipes (values, not scripts) and the loop that follows them."""
