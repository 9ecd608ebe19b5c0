# Builds Coffer from the locked dependencies; the second stage has neither pip nor the sources.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/coffer && python -m pip install --quiet uv==0.13.9
COPY requirements.lock pyproject.toml README.md ./
# The lock is for all groups; only what the controller needs is installed from it, at the locked hashes.
RUN uv pip compile pyproject.toml --extra controller --constraint requirements.lock --generate-hashes \
        --no-header --quiet --output-file /tmp/controller.lock \
    && uv pip sync --python /opt/coffer/bin/python --require-hashes /tmp/controller.lock
# The template sandbox first: it changes seldom and compiles for half a minute.
COPY tools tools
COPY manager/gotemplate/go manager/gotemplate/go
RUN python -m tools.template
COPY hatch_build.py ./
COPY manager manager
COPY sealed sealed
COPY external external
COPY reflector reflector
# Machine code for the baseline CPU, so that the first template waits for no compiler.
RUN uv pip install --python /opt/coffer/bin/python --no-deps . \
    && /opt/coffer/bin/python -m manager.gotemplate.artefact

FROM python:3.13-slim
COPY --from=build /opt/coffer /opt/coffer
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["/opt/coffer/bin/coffer"]
CMD ["run"]
