"""Talks to the tools with the official client, on stdin and stdout of PROGRAM mcp or by HTTP at SERVER/mcp:
usage: converse.py PROGRAM|http SERVER TOKEN STORE

The client checks each result against the tool's output schema by itself. The server has the store STORE, and the token is that
of an operator. Prints one line of JSON.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import mcp_types as types
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

program, server, token, STORE = sys.argv[1:]


@asynccontextmanager
async def connected(*flags: str, **settings):
    """A client. By HTTP the server has the flags."""
    if program == "http":
        async with create_mcp_http_client(headers={"authorization": f"Bearer {token}"}) as http:
            transport = streamable_http_client(f"{server}/mcp", http_client=http)
            async with Client(transport, **settings) as client:
                yield client
    else:
        env = {"SENDSTORES_SERVER": server, "SENDSTORES_TOKEN": token}
        parameters = StdioServerParameters(command=program, args=["mcp", *flags], env=env)
        async with Client(parameters, **settings) as client:
            yield client


def typing(text: str):
    async def answer(_context, params):
        assert STORE in params.message, params.message
        return types.ElicitResult(action="accept", content={"id": text})

    return answer


async def reads(mode: str) -> dict:
    async with connected(mode=mode) as client:
        tools = (await client.list_tools()).tools
        for tool in tools:
            Draft202012Validator.check_schema(tool.input_schema)
            Draft202012Validator.check_schema(tool.output_schema)
        progress = []

        async def note(done, total, message):
            progress.append(message)

        results = {
            "whoami": await client.call_tool("whoami"),
            "summary": await client.call_tool("summarize_stores", {}),
            "list": await client.call_tool("list_stores", {"query": "STORE", "limit": 1}),
            "get": await client.call_tool("get_store", {"id": STORE, "sections": ["status", "spec", "history"]}),
            "explain": await client.call_tool("explain_store", {"id": STORE}),
            "reason": await client.call_tool("explain_reason", {"reason": "INVALID_FIELD"}),
            "changes": await client.call_tool("changes_since", {}),
            "audit": await client.call_tool("list_audit", {"limit": 5}),
            "wait": await client.call_tool(
                "wait_for_store", {"id": STORE, "timeout_seconds": 1}, progress_callback=note
            ),
        }
        await resources_and_prompts(client)
        wrong = await client.call_tool("get_store", {"id": "store-none"})
        assert wrong.is_error and wrong.content[0].text.startswith("STORE_NOT_FOUND"), wrong
        assert all(not result.is_error for result in results.values()), results
        return {"protocol": client.protocol_version, "tools": [tool.name for tool in tools]}


async def resources_and_prompts(client: Client) -> None:
    first = await client.list_resources()
    assert f"sendstores://stores/{STORE}" in [str(one.uri) for one in first.resources], first
    rest = await client.list_resources(cursor=first.next_cursor)
    assert "sendstores://errors/INVALID_FIELD" in [str(one.uri) for one in rest.resources], rest
    templates = (await client.list_resource_templates()).resource_templates
    assert [one.uri_template for one in templates] == ["sendstores://stores/{id}", "sendstores://errors/{reason}"]
    store = await client.read_resource(f"sendstores://stores/{STORE}")
    assert "[untrusted " in store.contents[0].text, store
    section = await client.read_resource("sendstores://errors/INVALID_FIELD")
    assert section.contents[0].text.startswith("# INVALID_FIELD"), section
    assert [one.name for one in (await client.list_prompts()).prompts] == ["diagnose_store", "fleet_report"]
    prompt = await client.get_prompt("diagnose_store", {"id": STORE})
    assert STORE in prompt.messages[0].content.text, prompt


async def delete(typed: str, mode: str = "auto") -> str:
    async with connected("--allow-write", mode=mode, elicitation_callback=typing(typed)) as client:
        for _ in range(50):
            store = await client.call_tool("get_store", {"id": STORE})
            etag = store.structured_content["etag"]
            result = await client.call_tool("delete_store", {"id": STORE, "etag": etag})
            text = result.content[0].text
            # The server works on the store, and it changes.
            if not text.startswith("ETAG_MISMATCH"):
                return text
        raise SystemExit("the store never stays the same")


async def main() -> None:
    print(
        json.dumps(
            {
                "modern": await reads("auto"),
                "legacy": await reads("legacy"),
                "other_id": await delete("store-other"),
                "old_client": await delete(STORE, "legacy"),
                "deleted": await delete(STORE),
            }
        )
    )


asyncio.run(main())
