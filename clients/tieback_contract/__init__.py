"""The values of the contract, which the server and the SDK share, and the codec between them and messages.

A value is a dataclass or an enum whose fields are named as those of its message. A part of the server or of
the SDK that needs something else of a message has its own class, with a name of its own. Of other packages
this one needs NumPy alone: the codec takes messages as it is given them.
"""
