"""Cards of folders that users have."""
