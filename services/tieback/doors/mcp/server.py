"""The MCP server: without sessions, and with JSON as answers, so that any gateway answers any request."""

from __future__ import annotations

import json
import logging
from contextlib import AbstractAsyncContextManager
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from tieback_client import AsyncClient, TiebackError
from tieback_client.installing import known_version
from tieback_contract.field_path import FieldPath

from tieback.doors.caller import time_of
from tieback.doors.http.errors import body, told
from tieback.doors.http.operation import DoorOperation
from tieback.doors.mcp.results import NOTE, schema_of
from tieback.doors.mcp.tools import SECONDS, TOOLS, Tool
from tieback.doors.metrics import DoorMetrics

log = logging.getLogger(__name__)
DOOR = "mcp"
_INSTRUCTIONS = (
    "Documents in collections, and answers that rest on them. List collections first, search or ask for an "
    f"answer, fetch a document to read more, and check claims before relying on a text. {NOTE}"
)


class McpServer:
    """The tools of this server as a path of the HTTP door. `writes`: with the tool that writes."""

    def __init__(self, client: AsyncClient, metrics: DoorMetrics, *, body_bytes: int, writes: bool) -> None:
        logging.getLogger("mcp").setLevel(logging.ERROR)  # it would log callers' words
        self._client = client
        self._metrics = metrics
        self._tools = {one.name: one for one in TOOLS if writes or not one.writes}
        self._server: Server[Any] = Server(
            "tieback",
            version=known_version(),
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        self._manager = StreamableHTTPSessionManager(
            self._server,
            json_response=True,
            stateless=True,
            # The door's edge has looked at host and origin.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            max_request_body_size=body_bytes,
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """Within it requests are answered. Entered and left by one task."""
        return self._manager.run()

    def operation(self) -> DoorOperation:
        """What the path does."""

        async def handle(_: Request) -> Response:
            # Whoever has no token learns so from the status, as MCP's clients expect, and not from a tool.
            await self._client.server_info(timeout=time_of(SECONDS))
            return _Handed(self._manager)

        return DoorOperation(DOOR, handle)

    async def _list(self, _: Any, __: Any) -> types.ListToolsResult:
        with self._metrics.request(DOOR, "tools/list"):
            return types.ListToolsResult(tools=[_described(one) for one in self._tools.values()])

    async def _call(self, _: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._tools.get(asked.name)
        if tool is None:
            choices = ", ".join(self._tools)
            raise MCPError(types.INVALID_PARAMS, f"there is no tool of that name; there are {choices}")
        with self._metrics.request(DOOR, tool.name) as outcome:
            try:
                arguments = tool.takes.model_validate(asked.arguments or {})
                found = await tool.run(self._client, arguments)
            except ValidationError as error:
                outcome.code = "INVALID_ARGUMENT"
                return _failed(_wrong(error))
            except TiebackError as error:
                outcome.code = error.code
                return _failed(told(error, dict(tool.fields))[1]["error"])
            except Exception as error:
                outcome.code = "INTERNAL"
                log.error("a tool failed: %s", type(error).__name__, exc_info=error)
                raise MCPError(types.INTERNAL_ERROR, "an internal error; the server's log has it") from None
            return _done(found)


class _Handed(Response):
    """The answer that the MCP package makes."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        super().__init__()
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._manager.handle_request(scope, receive, send)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.takes.model_json_schema(),
        output_schema=schema_of(tool.gives),
        annotations=types.ToolAnnotations(
            read_only_hint=not tool.writes,
            destructive_hint=tool.writes,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )


def _done(found: BaseModel | dict[str, Any]) -> types.CallToolResult:
    content = found if isinstance(found, dict) else found.model_dump(mode="json")
    text = json.dumps(content, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=content
    )


def _failed(error: dict[str, Any]) -> types.CallToolResult:
    text = json.dumps({"error": error}, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _wrong(error: ValidationError) -> dict[str, Any]:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = str(FieldPath(tuple(first["loc"])))
    found: dict[str, Any] = body(400, "INVALID_INPUT", f"{field}: {first['msg']}", "", param=field)["error"]
    return found
