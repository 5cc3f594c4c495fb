"""Doors: other protocols in front of the platform, each for clients that are there already.

A door translates and nothing else. It calls the platform through the SDK or the services' ports, so that
tokens, tenants, limits, deadlines, request ids and error details are the platform's own. It knows neither Ray
nor the services behind the contract.
"""
