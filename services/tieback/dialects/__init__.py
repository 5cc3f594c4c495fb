"""Generated stubs of the protocols of others that this server speaks; see protos/tieback/dialects."""
