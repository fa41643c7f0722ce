"""What computes graphs: processes that each do some of the windows, and the children that run jobs."""
