"""The vocabulary of the house: requests, tasks, media, money, errors. Pure and frozen; imports nothing above it."""
