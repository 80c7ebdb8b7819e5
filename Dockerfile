# kling-mcp over HTTP. Nobody comes in without a token (docs/http.md):
#   docker run -p 8765:8765 -v kling:/data -e KLING_HTTP_TOKEN=… -e KLING_HTTP_HOSTS=kling.example -e KLING_API_KEY=… kling-mcp
FROM python:3.12-slim AS built
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY server ./server
COPY tools ./tools
RUN python -m venv /opt/kling && /opt/kling/bin/pip install --no-cache-dir ".[media,cluster]"

FROM python:3.12-slim
COPY --from=built /opt/kling /opt/kling
# A user with an id of its own: a volume keeps what it may write.
RUN useradd --uid 10001 --create-home kling && install -d -o kling -g kling /data
USER kling
ENV PATH=/opt/kling/bin:$PATH PYTHONUNBUFFERED=1 KLING_DATA_DIR=/data KLING_OUTPUT_DIR=/data/outputs
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8765/health', timeout=4)"]
# Within its port everything outside is a stranger: without KLING_HTTP_TOKEN or KLING_OAUTH_ISSUER it does not start.
ENTRYPOINT ["kling-mcp", "serve", "--http", "--host", "0.0.0.0", "--port", "8765"]
