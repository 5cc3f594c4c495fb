"""Work that runs for minutes or hours, kept in a durable journal: it goes on after any kind of end."""
