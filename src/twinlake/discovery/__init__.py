"""The APIs by which data and services are found, over holdings and federation."""
