"""MCP, the Model Context Protocol, over streamable HTTP: tools that agents call; see docs/apis.md."""

from tieback.doors.mcp.server import McpServer as McpServer
