// A stock JavaScript service: one request span, and in it one span event with two audit attributes.
// usage: node emit.mjs grpc|proto|json ENDPOINT ORDER_ID
import { SpanKind, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

const [protocol, url, orderId] = process.argv.slice(2);
const exporters = {
  grpc: "@opentelemetry/exporter-trace-otlp-grpc",
  proto: "@opentelemetry/exporter-trace-otlp-proto",
  json: "@opentelemetry/exporter-trace-otlp-http",
};
const { OTLPTraceExporter } = await import(exporters[protocol]);

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "storefront-js" }),
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter({ url }))],
});
provider.register();

const tracer = trace.getTracer("interop");
tracer.startActiveSpan(
  "POST /orders",
  {
    kind: SpanKind.SERVER,
    attributes: { "http.request.method": "POST", "url.path": "/orders", "client.address": "203.0.113.7" },
  },
  (span) => {
    span.addEvent("order.create.success", { "audit.target.type": "order", "audit.target.id": orderId });
    span.setAttribute("http.response.status_code", 201);
    span.end();
    console.log(span.spanContext().traceId);
  },
);
await provider.forceFlush();
await provider.shutdown();
