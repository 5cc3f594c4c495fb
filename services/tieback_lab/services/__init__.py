"""Services of the lab, each beside its proto in `protos/tieback/lab/v1`."""
