"""Every procedure of the clients, without a transport, and the methods that they become.

A function here has the signature and the docstring that users see. It is a generator that yields the calls to
make, is sent the replies, and returns the result (`rpc.Procedure`); or it returns a description of a stream,
of pages or of an exchange. The class at the end of each file makes a method of both clients of each.
"""

from tieback_client.procedures.answering import AnsweringMethods
from tieback_client.procedures.checking import CheckingMethods
from tieback_client.procedures.encoding import EncodingMethods, SplittingMethods
from tieback_client.procedures.heads import HeadsMethods
from tieback_client.procedures.index import IndexMethods
from tieback_client.procedures.operations import OperationsMethods, UpgradesMethods
from tieback_client.procedures.recognition import RecognitionMethods
from tieback_client.procedures.server import ServerMethods
from tieback_client.procedures.snapshots import SnapshotsMethods


class Methods(
    AnsweringMethods,
    CheckingMethods,
    EncodingMethods,
    HeadsMethods,
    IndexMethods,
    OperationsMethods,
    RecognitionMethods,
    ServerMethods,
    SnapshotsMethods,
    SplittingMethods,
    UpgradesMethods,
):
    """The methods of both clients."""
