"""Contract suites and fakes for authors of back-ends; every back-end of ours passes them."""
