// One line of JSON for each compute pipeline, appended to FOLDER/pipelines.jsonl, and the machine code
// as text in FOLDER/PIPELINE.EXECUTABLE.txt, where the driver has one.
//
// Programs append lines of their own to the same file (marks), so a line is written at once.

#include "describe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *memory) {
    if (!memory) abort();
    return memory;
}

// `all`, a list that Vulkan gives in two calls: for its length, then for its elements. The caller frees it.
#define LIST(element, structure_type, call, ...)                          \
    uint32_t count = 0;                                                   \
    call(__VA_ARGS__, &count, NULL);                                      \
    element *all = need(calloc(count + 1, sizeof *all));                  \
    for (uint32_t i = 0; i < count; i++) all[i].sType = (structure_type); \
    call(__VA_ARGS__, &count, all)

static void put_string(FILE *to, const char *s) {
    fputc('"', to);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') fputc('\\', to);
        if ((unsigned char)*s >= ' ') fputc(*s, to);
    }
    fputc('"', to);
}

static void put_statistics(const struct describer *with, VkDevice device, FILE *to,
                           const VkPipelineExecutableInfoKHR *which) {
    LIST(VkPipelineExecutableStatisticKHR, VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR,
         with->statistics, device, which);
    fputs("\"statistics\":{", to);
    for (uint32_t i = 0; i < count; i++) {
        if (i) fputc(',', to);
        put_string(to, all[i].name);
        switch (all[i].format) {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
            fprintf(to, ":%u", all[i].value.b32);
            break;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
            fprintf(to, ":%lld", (long long)all[i].value.i64);
            break;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
            fprintf(to, ":%llu", (unsigned long long)all[i].value.u64);
            break;
        default: fprintf(to, ":%g", all[i].value.f64);
        }
    }
    fputc('}', to);
    free(all);
}

// Drivers give several texts, from SPIR-V's heirs on: the machine code is called assembly by all of them.
static void keep_code(const struct describer *with, VkDevice device, FILE *to,
                      const VkPipelineExecutableInfoKHR *which, int id, uint32_t executable) {
    LIST(VkPipelineExecutableInternalRepresentationKHR,
         VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR, with->texts, device, which);
    // The lengths are known now, and the texts are asked for.
    for (uint32_t i = 0; i < count; i++) all[i].pData = need(calloc(1, all[i].dataSize + 1));
    with->texts(device, which, &count, all);
    for (uint32_t i = 0; i < count; i++) {
        if (strstr(all[i].name, "ssembly")) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%d.%u.txt", with->folder, id, executable);
            FILE *file = need(fopen(path, "w"));
            fputs(all[i].pData, file);
            fclose(file);
            fprintf(to, ",\"code\":\"%d.%u.txt\"", id, executable);
        }
        free(all[i].pData);
    }
    free(all);
}

static void put_constants(FILE *to, const VkSpecializationInfo *info) {
    fputs("\"constants\":{", to);
    for (uint32_t i = 0; info && i < info->mapEntryCount; i++) {
        const VkSpecializationMapEntry *entry = &info->pMapEntries[i];
        uint32_t value = 0;
        size_t size = entry->size < sizeof value ? entry->size : sizeof value;
        memcpy(&value, (const char *)info->pData + entry->offset, size);
        fprintf(to, "%s\"%u\":%u", i ? "," : "", entry->constantID, value);
    }
    fputc('}', to);
}

// The whole line, which the caller frees after `append` has written it.
static void append(const struct describer *with, FILE *line, char **text, size_t *len) {
    char path[4096];
    fclose(line);
    snprintf(path, sizeof path, "%s/pipelines.jsonl", with->folder);
    FILE *file = need(fopen(path, "a"));
    fwrite(*text, 1, *len, file);
    fclose(file);
    free(*text);
}

void describe_pipeline(const struct describer *with, VkDevice device, VkPipeline pipeline,
                       const VkComputePipelineCreateInfo *info) {
    static int made;
    int id = made++;
    char *text;
    size_t len;
    FILE *line = need(open_memstream(&text, &len));
    fprintf(line, "{\"pipeline\":%d,\"handle\":\"%llx\",\"device\":", id, (unsigned long long)pipeline);
    put_string(line, with->device);
    fputc(',', line);
    put_constants(line, info->stage.pSpecializationInfo);
    fputs(",\"executables\":[", line);
    VkPipelineInfoKHR of = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
    LIST(VkPipelineExecutablePropertiesKHR, VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR,
         with->executables, device, &of);
    for (uint32_t i = 0; i < count; i++) {
        VkPipelineExecutableInfoKHR which = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                             .pipeline = pipeline,
                                             .executableIndex = i};
        fputs(i ? ",{\"name\":" : "{\"name\":", line);
        put_string(line, all[i].name);
        fprintf(line, ",\"subgroup\":%u,", all[i].subgroupSize);
        put_statistics(with, device, line, &which);
        keep_code(with, device, line, &which, id, i);
        fputc('}', line);
    }
    free(all);
    fputs("]}\n", line);
    append(with, line, &text, &len);
}

void describe_name(const struct describer *with, VkPipeline pipeline, const char *name) {
    char *text;
    size_t len;
    FILE *line = need(open_memstream(&text, &len));
    fprintf(line, "{\"named\":\"%llx\",\"name\":", (unsigned long long)pipeline);
    put_string(line, name);
    fputs("}\n", line);
    append(with, line, &text, &len);
}
