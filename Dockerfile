# migrate-cli as a small image: not root, the state file on a volume, no key inside.
#
#   docker build -t migrate-cli .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" -e OPENAI_API_KEY migrate-cli apply export
#
# A folder of yours belongs to you, so the container must run as you; a named volume belongs to the image's own user, so
# leave --user out there (-v migration:/data). Either must be on a local disk: SQLite cannot protect the state file on a
# network file system.

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
    && groupadd --gid 10001 migrate \
    && useradd --uid 10001 --gid migrate --no-create-home --home-dir /data migrate \
    && install --directory --owner=migrate --group=migrate --mode=0700 /data
# By number, since Kubernetes cannot tell of a name that it is not root.
USER 10001:10001
# Whoever the container runs as has no other place to write to.
ENV HOME=/data
WORKDIR /data
VOLUME ["/data"]
ENTRYPOINT ["migrate-cli"]
CMD ["--help"]
