"""The figures of the book: one style, what several chapters draw, and a file for each chapter."""
