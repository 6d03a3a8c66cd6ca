# The images: `nbbang` (the default) and `simulator`, which plays the providers and belongs on no server.
#
#   docker build -t nbbang .
#   docker build -t nbbang-simulator --target simulator .
#
# Crates and what was compiled of them stay in BuildKit's caches, so that a change of ours compiles ours alone.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# Linked without a C library of its own to load, so that an image is the program, certificates and nothing else.
ENV SQLX_OFFLINE=true CARGO_PROFILE_RELEASE_STRIP=symbols RUSTFLAGS="-C target-feature=+crt-static"
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    host=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --release --locked --target "$host" -p nbbang -p nbbang-simulator \
 && mkdir -p /out/bin /out/dev \
 && cp "target/$host/release/nbbang" "target/$host/release/nbbang-simulator" /out/bin/

# Of distroless what a program without libraries needs: users, certificates, how names are looked up.
FROM gcr.io/distroless/cc-debian12:nonroot AS distroless
FROM scratch AS base
COPY --from=distroless /etc/passwd /etc/group /etc/nsswitch.conf /etc/
COPY --from=distroless /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532
WORKDIR /var/lib/nbbang

FROM base AS simulator
COPY --from=build /out/bin/nbbang-simulator /usr/local/bin/
# Left here: the files of its App Store that nbbang reads.
COPY --from=build --chown=65532:65532 /out/dev /var/lib/nbbang/.dev
EXPOSE 8090
ENTRYPOINT ["/usr/local/bin/nbbang-simulator"]
CMD ["--listen", "0.0.0.0:8090"]

FROM base AS nbbang
COPY --from=build /out/bin/nbbang /usr/local/bin/
# In dev mode the keys are made here; in prod nothing is written.
COPY --from=build --chown=65532:65532 /out/dev /var/lib/nbbang/.dev
ENV NBBANG_LISTEN=0.0.0.0:8080 NBBANG_OPS_LISTEN=0.0.0.0:9090
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/usr/local/bin/nbbang", "health"]
ENTRYPOINT ["/usr/local/bin/nbbang"]
CMD ["serve"]
