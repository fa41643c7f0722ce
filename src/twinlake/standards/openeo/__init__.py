"""openEO API 1.2 and openEO processes 2.0.0-rc.2: process graphs and errors.

Source: https://api.openeo.org/1.2.0/ (OGC 24-059), https://processes.openeo.org/2.0.0-rc.2/
"""
