// A stock JavaScript service: one request span; in it one span event with two audit attributes, and one log record
// with an event name and the same.
// usage: node emit.mjs grpc|proto|json ENDPOINT ORDER_ID
import { context, SpanKind, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

const [protocol, endpoint, orderId] = process.argv.slice(2);
const packages = { grpc: "grpc", proto: "proto", json: "http" };
const url = (path) => (protocol === "grpc" ? endpoint : `${endpoint}${path}`);
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${packages[protocol]}`);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${packages[protocol]}`);

const resource = resourceFromAttributes({ "service.name": "storefront-js" });
const tracing = new NodeTracerProvider({
  resource,
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url: url("/v1/traces") }))],
});
tracing.register();
const logging = new LoggerProvider({
  resource,
  processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: url("/v1/logs") }) })],
});

trace.getTracer("interop").startActiveSpan(
  "POST /orders",
  {
    kind: SpanKind.SERVER,
    attributes: { "http.request.method": "POST", "url.path": "/orders", "client.address": "203.0.113.7" },
  },
  (span) => {
    const attributes = { "audit.target.type": "order", "audit.target.id": orderId };
    span.addEvent("order.create.success", attributes);
    logging.getLogger("interop").emit({
      eventName: "order.confirm.failed",
      body: { attempt: 2, reasons: ["stock"] },
      attributes,
      context: context.active(),
    });
    span.setAttribute("http.response.status_code", 201);
    span.end();
    console.log(span.spanContext().traceId);
  },
);
for (const provider of [tracing, logging]) {
  await provider.forceFlush();
  await provider.shutdown();
}
