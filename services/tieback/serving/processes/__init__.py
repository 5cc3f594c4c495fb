"""Processes of a server, and the services that each builds."""
