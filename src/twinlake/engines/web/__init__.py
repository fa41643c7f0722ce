"""What every HTTP sub-app shares."""
