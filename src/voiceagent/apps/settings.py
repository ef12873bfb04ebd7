"""Every setting of the platform, by area: its type, its default, what it means. Where values come from stands in config/layers.py."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr

from voiceagent.apps.config.answers_area import GroundingSettings, RerankSettings, RetrievalSettings
from voiceagent.apps.config.area import Area, DataUrl, Port, Strings
from voiceagent.apps.config.hooks_area import HooksSettings
from voiceagent.apps.config.model_settings import (
    EmbedSettings,
    LlmSettings,
    RoutingSettings,
    SttSettings,
    TtsSettings,
)
from voiceagent.apps.config.privacy_area import PrivacySettings, RecordingsSettings

APP = "voiceagent"


KEY_FILE = "cli-key"
"""In the data folder: an API key for whoever owns this machine, so that the command line needs none."""


class DataSettings(Area):
    """Where what must be kept is kept."""

    dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path(APP), description="Folder of the platform's data."
    )


class ModelsSettings(Area):
    """Where models are kept: a cache, shared by installations, that can be fetched again."""

    dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path(APP) / "models", description="Folder of the models."
    )
    threads: int = Field(
        1,
        ge=1,
        le=256,
        description="Threads of the speech recogniser. Measured on 2 cores: a second one makes it slower.",
    )


class ServerSettings(Area):
    """Addresses and life time of the five servers."""

    host: str = Field("127.0.0.1", description="Address of the gateway and the dashboard.")
    internal_host: str = Field("127.0.0.1", description="Address of engine, voice and documents.")
    allow_public: bool = Field(False, description="Allow an address that other machines reach.")
    gateway_port: Port = Field(8080, description="Port of the gateway, the only public door.")
    engine_port: Port = Field(8000, description="Port of the engine.")
    voice_port: Port = Field(8001, description="Port of the voice module.")
    documents_port: Port = Field(8002, description="Port of the document module.")
    dashboard_port: Port = Field(3000, description="Port of the dashboard.")
    worker_port: Port = Field(8003, description="Port of a worker of its own: health and metrics. 0 takes a free one.")
    health_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Port on internal_host that tells life and readiness alone, in plain HTTP whatever tls says, to who has no certificate. 0: none.",
    )
    scrape_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token with which a metrics scraper may read /metrics of every server. Empty: none may.",
    )
    allowed_origins: Strings = Field((), description="Further browser origins that may open a socket, comma-separated.")
    hosts: Strings = Field(
        (), description="Names under which the gateway is called, *.name for all below one. Empty: any name."
    )
    proxies: Strings = Field(
        (),
        description="Addresses and networks of proxies in front of the gateway, whose X-Forwarded-For and -Proto hold. Empty: those are ignored.",
    )
    drain_s: float = Field(10.0, ge=0, le=600, description="Seconds that open conversations get to end at shutdown.")
    retire_s: float = Field(
        2.0,
        ge=0,
        le=60,
        description="Seconds that a service running apart still takes calls after SIGTERM, until balancers know.",
    )
    ready_s: float = Field(120.0, gt=0, le=3_600, description="Seconds within which every part must be ready at start.")


class ServicesSettings(Area):
    """Where the services are when they run apart (comma-separated URLs); empty means: this machine, at the ports above."""

    engine: Strings = Field((), description="URLs of the engine, e.g. http://engine:8000.")
    voice: Strings = Field((), description="URLs of the voice module.")
    documents: Strings = Field((), description="URLs of the document module.")
    secret: SecretStr = Field(
        SecretStr(""),
        description="Signs the calls between services: 32 bytes or more, the same for all. Empty: drawn at start.",
    )


class TlsSettings(Area):
    """Encryption on the way. PEM files, taken up by the next connection when they change; `voiceagent tls init` makes a set for development.

    Doors are the gateway and the dashboard; internal are the calls between services, each of which shows a certificate to the other.
    """

    certificate: str = Field("", description="Certificate of the doors, with its chain. Empty: they speak plain HTTP.")
    key: str = Field("", description="Its private key.")
    client_ca: str = Field("", description="Callers of the doors must show a certificate of these authorities.")
    minimum: Literal["1.2", "1.3"] = Field("1.2", description="Oldest version that is spoken; newer ones come first.")
    hsts_s: int = Field(
        31_536_000,
        ge=0,
        description="Seconds for which browsers are told to use TLS alone with this host. 0: not told.",
    )
    trusted_ca: str = Field(
        "", description="By what `ask`, `talk` and `docs` know the gateway. Empty: the system's authorities."
    )
    client_certificate: str = Field(
        "", description="Certificate and key in one file that `ask`, `talk` and `docs` show to the gateway."
    )
    internal_certificate: str = Field("", description="This service's certificate. Empty: services speak plain HTTP.")
    internal_key: str = Field("", description="Its private key.")
    internal_ca: str = Field("", description="Authority whose certificates services have; nobody else may call them.")
    internal_crl: str = Field("", description="Certificates of internal_ca that are no longer good.")
    internal_server_name: str = Field(
        "", description="Name in every service's certificate. Empty: the host in its URL, which may be an address."
    )
    required: bool = Field(
        False, description="Refuse to start when anything would leave this machine without verified TLS."
    )


class DiscoverySettings(Area):
    """How services that run apart find each other."""

    url: DataUrl = Field(
        "static://",
        description="static:// (the URLs of [services]), dns:// (every address of their hosts), redis:// (services enter themselves; docs/redis.md).",
    )
    advertise_host: str = Field(
        "",
        description="Host under which others reach this process. Empty: server.internal_host, or this machine's address.",
    )


class IdentitySettings(Area):
    """Who may come in."""

    token_secret: SecretStr = Field(
        SecretStr(""),
        description="Signs users' access tokens: 32 bytes or more. Empty: drawn once and kept in the data folder.",
    )
    token_secret_previous: SecretStr = Field(
        SecretStr(""), description="The token_secret before this one: its tokens stay valid while they last."
    )
    owner_email: str = Field("owner@localhost", description="E-mail of the owner that the first start creates.")
    oidc_issuer: str = Field("", description="OpenID Connect provider that people sign in with; empty for none.")
    oidc_client_id: str = Field("", description="What the provider calls this platform.")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="The platform's secret at the provider, if it has one."
    )
    oidc_role: str = Field(
        "",
        description="Role of people whom the provider knows and we do not; empty: only people who were added before.",
    )
    public_url: str = Field("", description="The gateway's address in browsers; empty: this machine, at its port.")
    dashboard_url: str = Field("", description="The dashboard's address in browsers; empty: this machine, at its port.")


class StoreSettings(Area):
    """The system of record."""

    url: DataUrl = Field("sqlite:///{data}/voiceagent.db", description="sqlite:///FILE or postgresql://.")
    pool_size: int = Field(10, ge=2, le=200, description="Connections to PostgreSQL that one process opens at most.")
    replicas: Strings = Field(
        (),
        description="URLs of PostgreSQL copies that follow the primary (streaming replication), comma-separated. Lists, the audit log and "
        "usage are read from them; whatever decides something is read from store.url alone.",
    )
    replica_lag_s: float = Field(
        2.0, gt=0, le=60, description="A copy that may be further behind than this is not read from."
    )


class BlobsSettings(Area):
    """Uploaded files and recordings."""

    url: DataUrl = Field("file://{data}/blobs", description="file:///FOLDER or s3://BUCKET?endpoint=...")


class VectorsSettings(Area):
    """The search index."""

    url: DataUrl = Field("local://{data}/vectors", description="local:///FOLDER or weaviate://HOST.")


class CacheSettings(Area):
    """What may be lost: counters, sessions, tickets."""

    url: DataUrl = Field(
        "memory://", description="memory:// or redis://, redis+sentinel://, redis+cluster:// (docs/redis.md)."
    )


class BusSettings(Area):
    """Live notifications."""

    url: DataUrl = Field(
        "memory://", description="memory:// or redis://, redis+sentinel://, redis+cluster:// (docs/redis.md)."
    )


class VadSettings(Area):
    """Voice activity."""

    url: DataUrl = Field("silero:///", description="silero:///.")


class TurnsSettings(Area):
    """End of turn by the sound."""

    url: DataUrl = Field("smartturn:///", description="smartturn:///.")


class DocumentsSettings(Area):
    """How documents are read."""

    classify_by: Literal["embeddings", "llm"] = Field(
        "embeddings",
        description="How the kind of a document is told: by nearness to examples, or by asking the language model (examples when it does not answer).",
    )


class KeysSettings(Area):
    """Encryption of what is kept: turns, documents, second factors, uploaded files, recordings, the local search index.

    Each organisation has keys of its own in the ring, wrapped by one root key. Losing the root key or the ring loses the data. Keep them out of
    the backups of the data: then destroying an organisation's keys ends every copy. Services that run apart share both by these settings.
    """

    url: str = Field(
        "file://{data}/root.key",
        description="The root key: file:///FILE (made at the first start), env:///NAME (32 bytes in base64) or "
        "vault+https://HOST:8200/MOUNT/KEY (a key of Vault's transit engine). Empty: nothing is encrypted.",
    )
    ring_url: DataUrl = Field(
        "file://{data}/keyring", description="The organisations' keys: file:///FOLDER or s3://BUCKET?..."
    )


class ToolsSettings(Area):
    """Tools that agents may be given."""

    url: str = Field("", description="file:///FILE.toml that describes them, see docs/tools.md. Empty: none.")


class AnchorsSettings(Area):
    """The audit log's anchors: signed notes, outside the database, of what the log was."""

    url: DataUrl = Field("file://{data}/audit-anchors.jsonl", description="file:///FILE, best on another disk.")
    signing_key: SecretStr = Field(
        SecretStr(""),
        description="Signs the anchors: 32 bytes or more. Empty: drawn once and kept in the data folder.",
    )


class BackupSettings(Area):
    """Backups: encrypted copies of database, objects and the organisations' wrapped keys, never of the root key or the backup key."""

    dir: str = Field("{data}/backups", description="Folder of the backups, best on another disk or machine.")
    key_url: str = Field(
        "file://{data}/backup.key",
        description="The key of the backups: file:///FILE (made at the first backup) or env:///NAME, 32 bytes in base64. Keep a copy elsewhere.",
    )
    keep: int = Field(7, ge=1, description="Backups that are kept; older ones go when a new one is whole.")
    max_age_h: float = Field(26.0, gt=0, description="Hours after which the newest backup is told to be too old.")


class LogSettings(Area):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")
    format: Literal["json", "console"] = Field("json", description="json: one object a line.  console: for eyes.")


class LimitsSettings(Area):
    """How much one caller may use."""

    requests_per_s: float = Field(20.0, gt=0, description="Requests a second of one key, over a longer time.")
    request_burst: int = Field(60, ge=1, description="Requests of one key at once.")
    tenant_requests_per_s: float = Field(
        400.0, gt=0, description="Requests a second of one organisation, over a longer time."
    )
    tenant_requests_at_once: int = Field(
        256, ge=1, description="Requests of one organisation under way at a time, at each gateway."
    )
    calls: int = Field(20, ge=1, description="Open calls of one key or person at a time.")
    tenant_calls: int = Field(200, ge=1, description="Open calls of one organisation at a time.")
    call_hours_per_day: float = Field(
        480.0, gt=0, description="Hours in calls of one key or person, over a day; ten times that for an organisation."
    )
    uploaded_mib_per_hour: float = Field(
        14_400.0,
        gt=0,
        description="MiB of bodies of one key or person, over an hour; ten times that for an organisation.",
    )
    gateways: int = Field(
        1,
        ge=1,
        description="Gateways that there are at least; what each may let through alone when Redis never answered.",
    )
    sessions: int = Field(32, ge=1, description="Realtime sessions of one voice server at a time.")
    upload_bytes: int = Field(100 * 2**20, ge=1, description="Largest uploaded file.")
    tenant_documents: int = Field(100_000, ge=1, description="Documents that one organisation may keep.")
    tenant_document_bytes: int = Field(
        100 * 2**30, ge=1, description="Bytes of all files that one organisation may keep as documents."
    )


class Settings(Area):
    """All settings, one field an area."""

    data: DataSettings = DataSettings()
    models: ModelsSettings = ModelsSettings()
    server: ServerSettings = ServerSettings()
    services: ServicesSettings = ServicesSettings()
    tls: TlsSettings = TlsSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    identity: IdentitySettings = IdentitySettings()
    store: StoreSettings = StoreSettings()
    blobs: BlobsSettings = BlobsSettings()
    vectors: VectorsSettings = VectorsSettings()
    cache: CacheSettings = CacheSettings()
    bus: BusSettings = BusSettings()
    llm: LlmSettings = LlmSettings()
    stt: SttSettings = SttSettings()
    tts: TtsSettings = TtsSettings()
    vad: VadSettings = VadSettings()
    turns: TurnsSettings = TurnsSettings()
    embed: EmbedSettings = EmbedSettings()
    grounding: GroundingSettings = GroundingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    rerank: RerankSettings = RerankSettings()
    documents: DocumentsSettings = DocumentsSettings()
    routing: RoutingSettings = RoutingSettings()
    recordings: RecordingsSettings = RecordingsSettings()
    keys: KeysSettings = KeysSettings()
    anchors: AnchorsSettings = AnchorsSettings()
    tools: ToolsSettings = ToolsSettings()
    backup: BackupSettings = BackupSettings()
    log: LogSettings = LogSettings()
    privacy: PrivacySettings = PrivacySettings()
    limits: LimitsSettings = LimitsSettings()
    hooks: HooksSettings = HooksSettings()

    def url(self, port: str) -> str:
        """The URL that picks the adapter of `port`, with the data folder filled in."""
        return self.filled(getattr(self, port).url)

    def filled(self, url: str) -> str:
        """`url` with the data folder for `{data}`."""
        return url.replace("{data}", str(self.data.dir.expanduser().absolute()))

    def service_urls(self, service: str) -> tuple[str, ...]:
        """Where a service answers: the URLs given, or its port on this machine."""
        given: tuple[str, ...] = getattr(self.services, service)
        return given or (f"{self.internal_scheme}://127.0.0.1:{getattr(self.server, f'{service}_port')}",)

    @property
    def scheme(self) -> str:
        """What the gateway and the dashboard speak."""
        return "https" if self.tls.certificate else "http"

    @property
    def internal_scheme(self) -> str:
        """What services speak with each other."""
        return "https" if self.tls.internal_certificate else "http"


def areas() -> dict[str, type[Area]]:
    """Every area by name."""
    found = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: area for name, area in found.items() if isinstance(area, type) and issubclass(area, Area)}


def setting_names() -> tuple[str, ...]:
    """Every setting as `area.name`, in the order of this file."""
    return tuple(f"{area}.{name}" for area, model in areas().items() for name in model.model_fields)


def is_secret(setting: str) -> bool:
    """Whether `area.name` must never be shown."""
    area, _, name = setting.partition(".")
    return areas()[area].model_fields[name].annotation is SecretStr
