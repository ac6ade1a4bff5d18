import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Scope;
import io.opentelemetry.exporter.logging.otlp.internal.logs.OtlpStdoutLogRecordExporter;
import io.opentelemetry.exporter.logging.otlp.internal.traces.OtlpStdoutSpanExporter;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.logs.export.SimpleLogRecordProcessor;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.TimeUnit;

/**
 * A stock Java service: one request span; in it one span event with two audit attributes, and one log record with an
 * event name and the same. Usage: Emit grpc|proto|json ENDPOINT ORDER_ID
 */
public final class Emit {
  private static final ByteArrayOutputStream SPANS = new ByteArrayOutputStream();
  private static final ByteArrayOutputStream RECORDS = new ByteArrayOutputStream();

  public static void main(String[] args) throws Exception {
    String protocol = args[0];
    String endpoint = args[1];
    Resource resource =
        Resource.getDefault().merge(Resource.create(Attributes.of(key("service.name"), "storefront-java")));
    SdkTracerProvider tracing =
        SdkTracerProvider.builder()
            .setResource(resource)
            .addSpanProcessor(SimpleSpanProcessor.create(spans(protocol, endpoint)))
            .build();
    SdkLoggerProvider logging =
        SdkLoggerProvider.builder()
            .setResource(resource)
            .addLogRecordProcessor(SimpleLogRecordProcessor.create(records(protocol, endpoint)))
            .build();
    emit(tracing, logging, args[2]);
    tracing.shutdown().join(10, TimeUnit.SECONDS);
    logging.shutdown().join(10, TimeUnit.SECONDS);
    if (protocol.equals("json")) {
      post(endpoint + "/v1/traces", SPANS);
      post(endpoint + "/v1/logs", RECORDS);
    }
  }

  private static void emit(SdkTracerProvider tracing, SdkLoggerProvider logging, String orderId) {
    Span span =
        tracing.get("interop").spanBuilder("POST /orders")
            .setSpanKind(SpanKind.SERVER)
            .setAttribute("http.request.method", "POST")
            .setAttribute("url.path", "/orders")
            .setAttribute("client.address", "203.0.113.7")
            .startSpan();
    try (Scope ignored = span.makeCurrent()) {
      Attributes attributes = Attributes.of(key("audit.target.type"), "order", key("audit.target.id"), orderId);
      span.addEvent("order.create.success", attributes);
      logging.get("interop").logRecordBuilder()
          .setEventName("order.confirm.failed")
          .setAllAttributes(attributes)
          .setBody(Value.of(KeyValue.of("attempt", Value.of(2)), KeyValue.of("reasons", Value.of(Value.of("stock")))))
          .emit();
      span.setAttribute("http.response.status_code", 201);
    } finally {
      span.end();
    }
    System.out.println(span.getSpanContext().getTraceId());
  }

  private static SpanExporter spans(String protocol, String endpoint) {
    return switch (protocol) {
      case "grpc" -> OtlpGrpcSpanExporter.builder().setEndpoint(endpoint).setCompression("gzip").build();
      case "proto" -> OtlpHttpSpanExporter.builder().setEndpoint(endpoint + "/v1/traces").setCompression("gzip").build();
      default -> OtlpStdoutSpanExporter.builder().setOutput(SPANS).setWrapperJsonObject(true).build();
    };
  }

  private static LogRecordExporter records(String protocol, String endpoint) {
    return switch (protocol) {
      case "grpc" -> OtlpGrpcLogRecordExporter.builder().setEndpoint(endpoint).build();
      case "proto" -> OtlpHttpLogRecordExporter.builder().setEndpoint(endpoint + "/v1/logs").build();
      default -> OtlpStdoutLogRecordExporter.builder().setOutput(RECORDS).setWrapperJsonObject(true).build();
    };
  }

  private static void post(String url, ByteArrayOutputStream body) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url))
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(body.toByteArray()))
            .build();
    HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IllegalStateException(answer.statusCode() + " " + answer.body());
    }
  }

  private static AttributeKey<String> key(String name) {
    return AttributeKey.stringKey(name);
  }
}
