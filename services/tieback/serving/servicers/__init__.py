"""One file per service of the contract: read the request, call the plain service, write the response."""
