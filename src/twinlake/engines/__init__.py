"""Technical engines. No Earth-observation word belongs here."""
