# Builds Coffer from the locked dependencies; the second stage has neither pip nor the sources.
ARG PYTHON=python:3.13-slim
FROM ${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet uv==0.13.9 && python -m venv --without-pip /opt/coffer
COPY requirements.lock pyproject.toml README.md ./
# With bytecode, here and below: the image's root is read-only, so each start would compile every module again. That
# takes two seconds of CPU, and the module of the sandbox alone 18 MiB of memory.
# The lock is for all groups; only what the controller needs is installed from it, at the locked hashes.
RUN /opt/uv/bin/uv pip compile pyproject.toml --all-extras --constraint requirements.lock --generate-hashes \
        --python /opt/coffer/bin/python --no-header --quiet --output-file /tmp/controller.lock \
    && /opt/uv/bin/uv pip sync --compile-bytecode --python /opt/coffer/bin/python --require-hashes /tmp/controller.lock
# Descriptions of the AWS services that Coffer calls; those of all others are a quarter of the image.
RUN cd /opt/coffer/lib/python3.*/site-packages/botocore/data \
    && ls -d */ | grep -vxE '(secretsmanager|ssm|sts|ecr|ecr-public|acm|resourcegroupstaggingapi)/' | xargs rm -r
# The template sandbox first: it changes seldom and compiles for half a minute.
COPY tools tools
COPY manager/gotemplate/go manager/gotemplate/go
RUN python -m tools.template
COPY hatch_build.py ./
COPY manager manager
COPY sealed sealed
COPY external external
COPY reflector reflector
RUN /opt/uv/bin/uv pip install --compile-bytecode --python /opt/coffer/bin/python --no-deps .
# Machine code for the baseline CPU, so that the first template waits for no compiler. Outside of the sources, which
# would be imported instead of what was installed; an error ends the build.
WORKDIR /
RUN /opt/coffer/bin/python -P -m manager.gotemplate.artefact \
    && test -s /opt/coffer/lib/python3.*/site-packages/manager/gotemplate/template.cwasm

FROM ${PYTHON}
ARG REVISION
COPY --from=build /opt/coffer /opt/coffer
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 COFFER_REVISION=${REVISION}
ENTRYPOINT ["/opt/coffer/bin/coffer"]
CMD ["run"]
