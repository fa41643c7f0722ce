"""What every part of a site speaks: errors, ids, clock, randomness, paging. No I/O."""
