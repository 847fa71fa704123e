"""Configuration: `perpmill.toml`, overridden by `PERPMILL_*`, validated before anything runs.

Secrets are never here: S3 credentials come from the AWS chain (environment, profile, role).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from flows.storage.object_store import S3Options

DEFAULT_CONFIG = Path("perpmill.toml")

_PREFIX = "PERPMILL_"
_NESTED = "__"
_NOT_OURS = frozenset({"HOME", "SUPERSET_LOGIN"})  # of prefect.yaml and of bi/superset


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key."""


class S3Settings(BaseModel):
    """Only for S3-compatible stores other than AWS."""

    model_config = ConfigDict(extra="forbid")

    endpoint_url: str | None = None
    region: str | None = None

    def options(self, *, anonymous: bool = False) -> S3Options:
        return S3Options(endpoint_url=self.endpoint_url, region=self.region, anonymous=anonymous)


class SourceSettings(BaseModel):
    """Where one venue's raw exports come from."""

    model_config = ConfigDict(extra="forbid")

    venue: str
    archive: str | None = None
    archive_signed: bool = Field(
        default=False, description="ask an s3:// archive with credentials, not anonymously"
    )
    archive_s3: S3Settings = Field(
        default_factory=S3Settings, description="where an s3:// archive is, if not at AWS"
    )
    api: str | None = None
    dumps: str | None = None
    carrier: str | None = Field(
        default=None,
        description="who collected these exports, if not the venue itself: `tardis`",
    )
    symbols: list[str] = Field(default=["*"], min_length=1)

    @field_validator("archive")
    @classmethod
    def _archive_scheme(cls, address: str | None) -> str | None:
        return _with_scheme(address, ("s3://", "https://", "http://", "file:"))

    @field_validator("api")
    @classmethod
    def _api_scheme(cls, address: str | None) -> str | None:
        return _with_scheme(address, ("https://", "http://"))

    @field_validator("dumps")
    @classmethod
    def _dumps_scheme(cls, address: str | None) -> str | None:
        return _with_scheme(address, ("s3://", "file:"))


def _with_scheme(address: str | None, schemes: tuple[str, ...]) -> str | None:
    # First, and without repeating the address: the message is printed and may be logged.
    if address is not None and not address.startswith("file:") and "@" in urlsplit(address).netloc:
        raise ValueError(
            "an address must not hold a user or a password: it is written down beside every file "
            "that comes from it; credentials belong into the environment or ~/.netrc"
        )
    if address is not None and not address.startswith(schemes):
        raise ValueError(f"{address!r} must start with one of {', '.join(schemes)}")
    return address


class DaskSettings(BaseModel):
    """The cluster of `executor = "dask"`."""

    model_config = ConfigDict(extra="forbid")

    scheduler: str | None = Field(
        default=None, description="tcp://host:8786; none: a cluster made here for each transform"
    )


class PublishSettings(BaseModel):
    """What is published beside the DuckDB file."""

    model_config = ConfigDict(extra="forbid")

    parquet: bool = Field(default=True, description="each table as a Parquet file too")


class LineageSettings(BaseModel):
    """Where OpenLineage events of the runs go. An API key only from OPENLINEAGE_API_KEY."""

    model_config = ConfigDict(extra="forbid")

    transport: Literal["none", "file", "http"] = "none"
    path: Path = Field(default=Path("lineage.jsonl"), description="an event a line, appended")
    url: str | None = Field(default=None, description="of the server, without `api/v1/lineage`")
    namespace: str = Field(default="perpmill", min_length=1, description="of the jobs")

    @field_validator("url")
    @classmethod
    def _url_scheme(cls, address: str | None) -> str | None:
        return _with_scheme(address, ("https://", "http://"))

    @model_validator(mode="after")
    def _reachable(self) -> LineageSettings:
        if self.transport == "http" and self.url is None:
            raise ValueError("transport 'http' needs a url")
        return self


class Settings(BaseSettings):
    """What a run needs to know. Relative `file:` addresses start at the configuration's folder."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter=_NESTED, extra="forbid"
    )

    lake: str = "file:lake"
    s3: S3Settings = Field(default_factory=S3Settings)
    sources: list[SourceSettings] = Field(default_factory=list)
    late_days: int = Field(
        default=10, ge=0, le=400, description="how far back a nightly looks for late files"
    )
    keep: int = Field(
        default=14,
        ge=2,
        description="published builds to keep; the older ones' values stay in the newer ones",
    )
    batch_days: int = Field(
        default=4, ge=1, le=366, description="days normalised at a time; bounds memory"
    )
    executor: Literal["local", "dask"] = Field(
        default="local", description="where the transform's pieces are done: docs/scaling.md"
    )
    workers: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="processes that transform; 0: one for two cores, or each worker of the cluster",
    )
    dask: DaskSettings = Field(default_factory=DaskSettings)
    ingest_retries: int = Field(
        default=2, ge=0, le=20, description="times an ingest is tried again if a source was down"
    )
    ingest_retry_seconds: float = Field(default=60, ge=0)
    fetch_concurrency: int = Field(default=16, ge=1, le=128)
    cache: Path = Field(
        default=Path(".perpmill-cache"),
        description="where builds of an S3 lake are kept for reading",
    )
    corrections: Path | None = Field(
        default=None, description="known errors of raw exports, put right: docs/corrections.md"
    )
    publish: PublishSettings = Field(default_factory=PublishSettings)
    lineage: LineageSettings = Field(default_factory=LineageSettings)

    @field_validator("lake")
    @classmethod
    def _lake_scheme(cls, address: str) -> str:
        return _with_scheme(address, ("s3://", "file:")) or address

    def only(self, venue: str) -> Settings:
        """The same with the sources of one venue. Raises ConfigError if it has none."""
        sources = [source for source in self.sources if source.venue == venue]
        if not sources:
            known = ", ".join(sorted({s.venue for s in self.sources})) or "none"
            raise ConfigError(f"no source of venue {venue!r} is configured (configured: {known})")
        return self.model_copy(update={"sources": sources})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content comes as init arguments."""
        assert isinstance(init_settings, InitSettingsSource)  # noqa: S101 - for the type checker
        return env_settings, init_settings


def load(config: Path | None = None) -> Settings:
    """Read `config`, or `perpmill.toml` here if there is one, and apply `PERPMILL_*`.

    Raises ConfigError naming the file and the key.
    """
    path = config if config is not None else DEFAULT_CONFIG
    values: dict[str, Any] = {}
    if path.exists():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid TOML: {error}") from error
    elif config is not None:
        raise ConfigError(f"{path}: no such file")
    _refuse_unknown(name for name in os.environ if name.startswith(_PREFIX))
    try:
        settings = Settings(**values)
    except SettingsError as error:
        raise ConfigError(
            f"{_PREFIX}… variables: {error}: lists and tables are written as JSON"
        ) from error
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigError(f"{path}:\n{problems}") from error
    return _anchored(settings, path.resolve().parent)


def _refuse_unknown(names: Iterable[str]) -> None:
    """A misspelt variable that is passed over would leave the file's value in force unseen."""
    fields = {field.upper() for field in Settings.model_fields}
    unknown = sorted(
        name
        for name in names
        if name.removeprefix(_PREFIX).partition(_NESTED)[0].upper() not in fields | _NOT_OURS
    )
    if unknown:
        raise ConfigError(
            f"{', '.join(unknown)}: no such setting; known are "
            + ", ".join(f"{_PREFIX}{field}" for field in sorted(fields))
        )


def _anchored(settings: Settings, folder: Path) -> Settings:
    def anchor(address: str | None) -> str | None:
        if address is None or not address.startswith("file:") or address.startswith("file://"):
            return address
        return f"file:{(folder / address.removeprefix('file:')).resolve()}"

    sources = [
        source.model_copy(update={"archive": anchor(source.archive), "dumps": anchor(source.dumps)})
        for source in settings.sources
    ]
    return settings.model_copy(
        update={
            "lake": anchor(settings.lake),
            "sources": sources,
            "cache": folder / settings.cache,
            "lineage": settings.lineage.model_copy(update={"path": folder / settings.lineage.path}),
            "corrections": None if settings.corrections is None else folder / settings.corrections,
        }
    )
