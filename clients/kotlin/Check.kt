// Whether the generated models read every example of the document, also with words and fields that came later, and write
// requests that the server takes. bin/test-clients compiles it together with them.

import java.io.File
import kotlin.system.exitProcess
import kotlinx.serialization.json.*
import kotlinx.serialization.serializer
import nbbang.client.infrastructure.Serializer

private var passed = 0
private var failed = 0

private fun check(what: String, test: () -> Boolean) {
    val wrong = try { if (test()) null else "is not so" } catch (e: Exception) { "$e" }
    if (wrong == null) { passed++ } else { failed++; println("FAILED: $what: $wrong") }
}

private fun read(schema: String, value: JsonElement): Any {
    val type = Class.forName("nbbang.client.models.$schema")
    return json.decodeFromJsonElement(json.serializersModule.serializer(type), value)
}

private fun write(schema: String, value: Any): JsonElement {
    val type = Class.forName("nbbang.client.models.$schema")
    return json.encodeToJsonElement(json.serializersModule.serializer(type), value)
}

private val json get() = Serializer.kotlinxSerializationJson

/** The examples of a body, each with the name of its schema. */
private fun examples(body: JsonElement?): List<Pair<String, JsonElement>> =
    body?.jsonObject?.get("content")?.jsonObject?.values.orEmpty().flatMap { content ->
        val schema = content.jsonObject["schema"]?.jsonObject?.get("\$ref")?.jsonPrimitive?.content?.substringAfterLast('/')
        val several = content.jsonObject["examples"]?.jsonObject?.values?.mapNotNull { it.jsonObject["value"] }.orEmpty()
        if (schema == null) emptyList() else (several + listOfNotNull(content.jsonObject["example"])).map { schema to it }
    }

/** Instants and numbers may be written otherwise: 2026-01-01T00:00:00.000Z and 2026-01-01T00:00Z are one. */
private fun same(a: JsonElement, b: JsonElement): Boolean = when {
    a is JsonObject && b is JsonObject -> a.keys == b.keys && a.all { (key, value) -> same(value, b.getValue(key)) }
    a is JsonArray && b is JsonArray -> a.size == b.size && a.indices.all { same(a[it], b[it]) }
    a is JsonPrimitive && b is JsonPrimitive -> a == b || instant(a) != null && instant(a) == instant(b) ||
        !a.isString && !b.isString && a.doubleOrNull != null && a.doubleOrNull == b.doubleOrNull
    else -> false
}

private fun instant(value: JsonPrimitive) = runCatching { java.time.OffsetDateTime.parse(value.content).toInstant() }.getOrNull()

fun main(args: Array<String>) {
    // As docs/CLIENTS.md tells apps: what is not set is not sent.
    Serializer.kotlinxSerializationJsonConfiguration = { encodeDefaults = false; explicitNulls = false }
    val document = Json.parseToJsonElement(File(args[0]).readText()).jsonObject
    val schemas = document.getValue("components").jsonObject.getValue("schemas").jsonObject
    val words = schemas.filterValues { "enum" in it.jsonObject }.keys
    val operations = document.getValue("paths").jsonObject.values.flatMap { it.jsonObject.values }.map { it.jsonObject }

    for (operation in operations) {
        val name = operation.getValue("operationId").jsonPrimitive.content
        for ((status, response) in operation.getValue("responses").jsonObject) {
            for ((schema, example) in examples(response)) {
                check("$name $status reads $schema") { same(write(schema, read(schema, example)), example) }
            }
        }
        for ((schema, example) in examples(operation["requestBody"])) {
            check("$name writes $schema") { same(write(schema, read(schema, example)), example) }
        }
    }

    val answers = operations.flatMap { operation -> operation.getValue("responses").jsonObject.values.flatMap(::examples) }
    for ((schema, example) in answers.distinctBy { it.first }) {
        if (example !is JsonObject) continue
        val properties = schemas.getValue(schema).jsonObject["properties"]?.jsonObject.orEmpty()
        val later = properties.filterValues { it.jsonObject["\$ref"]?.jsonPrimitive?.content?.substringAfterLast('/') in words }.keys
        check("$schema of a later version") {
            val seen = read(schema, JsonObject(example + later.associateWith { JsonPrimitive("brand_new") } + ("brand_new" to JsonPrimitive(1))))
            // Nested parts still say what they said.
            "$seen".split("=unknown_default_open_api").size - 1 == later.size
        }
    }
    check("a change names only what it changes") {
        val change = Json.parseToJsonElement("""{"nickname": "mina"}""")
        write("MeChange", read("MeChange", change)) == change
    }
    println("\n$passed passed, $failed failed")
    exitProcess(if (failed == 0 && passed > 0) 0 else 1)
}
