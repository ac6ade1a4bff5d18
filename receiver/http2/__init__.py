"""HTTP/2 (RFC 9113) as far as gRPC's unary calls need it, in few steps for each request.

Knows nothing of OTLP; the server and the exporter stand on it. Why it is ours: docs/adr/0012.
"""
