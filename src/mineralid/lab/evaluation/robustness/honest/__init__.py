"""Honest answers: how sure an answer may be, what it does not know, which test to make next."""
