FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/yici \
 && /opt/yici/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . .
RUN /opt/yici/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.13-slim
# The folders exist and belong to the user, so that volumes mounted there do too.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin yici \
 && install -d -o yici -g yici -m 0700 /var/lib/yici /var/lib/yici/keys
COPY --from=build /opt/yici /opt/yici
ENV PATH=/opt/yici/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /var/lib/yici
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
ENTRYPOINT ["yici"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--processes", "2"]
