"""What processes compute with: functions of `Values`, without a word of openEO graphs."""
