"""The built dashboard in a real browser, at a platform on scripted models that somebody has used."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bench.security.stage import stage
from tests.support import chromium
from tests.support.chromium import Page
from tests.support.lived_in import CONVERSATION_ID, HOSTILE, OWNER, PASSWORD, VIEWER, live_in

from voiceagent.apps.dashboard import BUILT

PROGRAM = chromium.found()
AXE = Path(__file__).parents[2] / "dashboard/node_modules/axe-core/axe.min.js"
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="missing: chromium"),
    pytest.mark.skipif(not (BUILT / "index.html").is_file(), reason="missing: the built dashboard (make dashboard)"),
    pytest.mark.timeout(600),
]


class Desk:
    """The browser at the dashboard."""

    def __init__(self, page: Page, url: str, document_id: str) -> None:
        self.page, self.url, self.document_id = page, url, document_id

    async def open(self, path: str) -> None:
        await self.page.open(self.url + path)
        await self.settled()

    async def settled(self) -> None:
        await self.page.until(
            "!!document.querySelector('h1, main strong') && !document.querySelector('[aria-busy=true]')"
        )

    async def text(self) -> str:
        return str(await self.page.run("document.body.innerText"))

    async def sign_in(self, password: str = PASSWORD, email: str = OWNER) -> None:
        fields = json.dumps({"email": email, "password": password})
        await self.page.until("!!document.querySelector('[name=password]')")
        await self.page.run(
            f"for (const [name, value] of Object.entries({fields})) document.querySelector(`[name=${{name}}]`).value = value"
        )
        await self.page.run("document.querySelector('form button[type=submit]').click()")

    async def faults(self) -> list[str]:
        """What axe finds, colours among it."""
        await self.page.run(AXE.read_text() + ";0")
        await self.page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
        found = await self.page.run(
            "axe.run().then((told) => told.violations.flatMap((one) => one.nodes.map((node) => `${one.id} ${node.html}`)))"
        )
        return list(found)

    async def paint(self, scheme: str, width: int) -> None:
        wanted = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}  # no colour halfway to another
        features = [{"name": name, "value": value} for name, value in wanted.items()]
        await self.page.call("Emulation.setEmulatedMedia", features=features)
        await self.page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=860, deviceScaleFactor=1, mobile=False
        )


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    assert PROGRAM is not None
    with stage(tmp_path / "platform") as running:
        document_id = await live_in(running)
        async with chromium.browser(PROGRAM, tmp_path / "profile", Path("/dev/null")) as page:
            yield Desk(page, running.urls["dashboard"], document_id)


async def test_a_person_signs_in_and_every_page_opens_clean(desk: Desk) -> None:
    await desk.open("/documents?state=failed")
    assert "Sign in" in await desk.text()
    assert await desk.faults() == []
    await desk.sign_in("something else entirely")
    await desk.page.until("!!document.querySelector('[role=alert]')")
    assert "bad_sign_in" in await desk.text()
    await desk.sign_in()
    await desk.page.until("!!document.querySelector('table')")
    assert await desk.page.run("location.pathname + location.search") == "/documents?state=failed"
    assert await desk.page.run("document.cookie") == "", "scripts cannot read the session"
    assert await desk.page.run("sessionStorage.length + localStorage.length") <= await desk.page.run(
        "Object.keys(sessionStorage).filter((name) => name.startsWith('tsr-scroll')).length"
    ), "nothing but scroll positions is kept"
    desk.page.complaints.clear()  # the refused sign-in, and that nobody was signed in before
    shown = {
        "/talk": "Start talking",
        "/conversations": "When does the library open?",
        f"/conversations/{CONVERSATION_ID}": "Time to answer",
        "/documents": "Handbook of the library",
        f"/documents/{desk.document_id}": "The library opens at nine",
        "/agents": "Assistant",
        "/agents/default": "Try it",
        "/agents/new": "Instructions",
        "/collections": "Words or question",
        "/analytics": "Response delay by stage",
        "/providers": "Speech recognition",
        "/providers/stt:scripted": "What it can do",
        "/settings": "server.gateway_port",
        "/settings?q=scrape": "server.scrape_token",
        "/privacy": "Reveal pseudonyms",
        "/users": VIEWER,
        "/users/user_vera": "Turn away",
        "/roles": "Built in",
        "/keys": "command line",
        "/account": "This browser",
        "/audit": "signed_in",
        "/password": "Set the password",
        "/health": "All services are ready.",
        "/nowhere": "Nothing here",
    }
    for path, words in shown.items():
        await desk.open(path)
        await desk.page.until(f"document.body.innerText.includes({json.dumps(words)})")
        for scheme, width in (("light", 1280), ("dark", 390)):
            await desk.paint(scheme, width)
            assert await desk.faults() == [], f"{path} {scheme} {width}"
            assert await desk.page.run("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
        assert desk.page.complaints == [], path
    await desk.open("/documents")
    await desk.page.until(f"document.body.innerText.includes({json.dumps(HOSTILE)})")
    assert await desk.page.run("document.querySelectorAll('main img').length") == 0
    assert desk.page.complaints == []
    # The browser draws the calendars of its own date fields from data: URLs, which go nowhere.
    assert all("127.0.0.1" in address or address.startswith("data:") for address in desk.page.requests)


async def test_a_file_is_uploaded_read_and_deleted_by_hand(desk: Desk) -> None:
    await desk.open("/documents")
    await desk.sign_in()
    await desk.page.until("!!document.querySelector('table')")
    desk.page.complaints.clear()
    await desk.page.run("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Upload').click()")
    await desk.page.until("!!document.querySelector('dialog[open] input[type=file]')")
    assert await desk.faults() == []
    await desk.page.run(
        """(() => { const files = new DataTransfer(); files.items.add(new File(['Penguins live in the south.'], 'penguins.txt'));
        const field = document.querySelector('input[type=file]'); field.files = files.files;
        field.dispatchEvent(new Event('change', { bubbles: true })); })()"""
    )
    await desk.page.until("document.querySelector('dialog').innerText.includes('Taken in')")
    await desk.page.run("document.querySelector('dialog button').click()")
    row = "[...document.querySelectorAll('tbody tr')].find((one) => one.innerText.includes('penguins.txt'))"
    await desk.page.until(f"!!{row} && {row}.innerText.includes('Ready')")
    await desk.page.run(f"{row}.querySelector('a').click()")
    await desk.page.until("document.body.innerText.includes('Penguins live in the south.')")
    await desk.page.run("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Delete').click()")
    await desk.page.until("!!document.querySelector('dialog[open]')")
    await desk.page.run("[...document.querySelectorAll('dialog button')].at(-1).click()")
    await desk.page.until("location.pathname === '/documents' && document.body.innerText.includes('is deleted')")
    await desk.page.until(f"!!document.querySelector('table') && !{row}")
    assert desk.page.complaints == []


async def test_a_person_is_invited_by_a_link_and_comes_in_with_the_password_of_their_own(desk: Desk) -> None:
    invited, password = "new@example.org", "a heron beside the canal"
    await desk.open("/users")
    await desk.sign_in()
    await desk.page.until("!!document.querySelector('table')")
    desk.page.complaints.clear()
    await desk.page.run("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Add').click()")
    await desk.page.until("!!document.querySelector('dialog [name=email]')")
    await desk.page.run(f"document.querySelector('dialog [name=email]').value = {json.dumps(invited)}")
    await desk.page.run("document.querySelector('dialog button[type=submit]').click()")
    await desk.page.until("!!document.querySelector('dialog textarea')")
    assert await desk.faults() == []
    link = str(await desk.page.run("document.querySelector('dialog textarea').value"))
    await desk.page.run("[...document.querySelectorAll('dialog button')].at(-1).click()")
    await desk.page.until(
        f"!document.querySelector('dialog') && document.body.innerText.includes({json.dumps(invited)})"
    )
    await desk.open("/documents")  # a link with only another # would not load the page anew
    await desk.page.open(link)
    await desk.page.until("document.querySelectorAll('[type=password]').length === 2 && location.hash === ''")
    kept = str(await desk.page.run("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])"))
    assert link.partition("#")[2] not in kept
    await desk.page.run(
        f"for (const one of document.querySelectorAll('[type=password]')) one.value = {json.dumps(password)};"
        "document.querySelector('form button[type=submit]').click()"
    )
    await desk.page.until("document.body.innerText.includes('The password is set.')")
    assert desk.page.complaints == []
    await desk.open("/account")
    await desk.page.run("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Sign out').click()")
    await desk.page.until("location.pathname === '/sign-in'")
    await desk.sign_in(password, invited)
    await desk.page.until("location.pathname !== '/sign-in'")
    assert await desk.page.run("!document.querySelector('a[href=\"/users\"]')"), "a viewer does not manage people"


async def test_a_person_is_held_and_released_and_the_code_of_an_authenticator_app_is_drawn(desk: Desk) -> None:
    def pressed(words: str, where: str = "main") -> str:
        return f"[...document.querySelectorAll('{where} button')].find((one) => one.innerText.trim() === {json.dumps(words)}).click()"

    await desk.open("/privacy")
    await desk.sign_in()
    await desk.page.until("document.body.innerText.includes('People who are held')")
    desk.page.complaints.clear()
    await desk.page.run(pressed("Hold a person"))
    await desk.page.until("!!document.querySelector('dialog [name=subject]')")
    assert await desk.faults() == []
    await desk.page.run(f"document.querySelector('dialog [name=subject]').value = {json.dumps(VIEWER)}")
    await desk.page.run(pressed("Hold", "dialog"))
    held = "document.querySelectorAll('ul[aria-label=\"People who are held\"] li').length"
    await desk.page.until(f"!document.querySelector('dialog') && {held} === 1")
    assert VIEWER not in str(await desk.page.run("document.querySelector('main').innerText")), "a keyed hash alone"
    await desk.page.run(pressed("Release", "main ul"))
    await desk.page.until("!!document.querySelector('dialog[open]')")
    await desk.page.run(pressed("Release", "dialog"))
    await desk.page.until(f"!document.querySelector('dialog') && {held} === 0")
    await desk.open("/account")
    await desk.page.until("document.body.innerText.includes('Not in force')")
    await desk.page.run(pressed("Set up the app"))
    await desk.page.until("!!document.querySelector('dialog svg[role=img] path')")
    assert await desk.faults() == []
    assert desk.page.complaints == [], "the code needs nothing that the policy forbids"
