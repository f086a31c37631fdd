# migrate-cli as a small image: not root, the state file on a volume, no key inside.
#
#   docker build -t migrate-cli .
#   docker run --rm -v "$PWD:/data" -e OPENAI_API_KEY migrate-cli apply export
#
# The volume must be on a local disk: SQLite cannot protect the state file on a network file system.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE migration.yaml.example ./
COPY fixtures fixtures
COPY migrate_cli migrate_cli
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.13-slim
COPY --from=build /wheel /wheel
RUN python -m pip install --no-cache-dir --disable-pip-version-check /wheel/*.whl \
    && rm -r /wheel \
    && useradd --uid 10001 --create-home migrate \
    && install --directory --owner=migrate --group=migrate --mode=0700 /data
USER migrate
WORKDIR /data
VOLUME /data
ENTRYPOINT ["migrate-cli"]
CMD ["--help"]
