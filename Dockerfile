# docker build -t tml-bench . && docker run --rm -v "$PWD/results:/bench/results" tml-bench
# With extras, such as local recognition: docker build --build-arg EXTRAS='[speech]' -t tml-bench .
FROM python:3.11-slim-bookworm
ARG EXTRAS=""
COPY . /src
RUN pip install --no-cache-dir "/src${EXTRAS}"
# Whoever the container runs as (--user) owns what it writes; caches of that user go here.
ENV HOME=/tmp
WORKDIR /bench
ENTRYPOINT ["tml-bench"]
CMD ["run", "--suite", "quick"]
