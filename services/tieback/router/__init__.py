"""The router: binds encodings of several spaces into the joint space and weights the spaces."""

from tieback.router.joint_space import Component, JointSpace
from tieback.router.router import Router

__all__ = ["Component", "JointSpace", "Router"]
