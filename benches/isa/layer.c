// A Vulkan layer that shows what a driver's compiler makes of every compute pipeline.
//
//   LOWBIT_ISA=FOLDER          where describe.c writes; the folder exists
//   LOWBIT_ISA_ROBUST=0 or 1   switches robustBufferAccess off or on, whatever the program asks for
//
// It adds VK_KHR_pipeline_executable_properties to the device, asks for statistics and texts of each pipeline and
// gives them to describe.c. One instance and one device at a time, as all programs here have.

#include "describe.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>

static VkInstance the_instance;
static PFN_vkGetInstanceProcAddr next_instance_proc;
static PFN_vkGetDeviceProcAddr next_device_proc;
static PFN_vkCreateComputePipelines next_create_pipelines;
static PFN_vkSetDebugUtilsObjectNameEXT next_set_name;
static struct describer describer;
// Programs compile on several threads.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator,
                                                       VkPipeline *pipelines) {
    const uint32_t flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
                           VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
    VkComputePipelineCreateInfo *mine = calloc(count, sizeof *mine);
    if (!mine) return VK_ERROR_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        mine[i] = infos[i];
        mine[i].flags |= flags;
        // Where there are 64 bits of flags the others are not read.
        for (VkBaseOutStructure *s = (void *)mine[i].pNext; s; s = s->pNext)
            if (s->sType == VK_STRUCTURE_TYPE_PIPELINE_CREATE_FLAGS_2_CREATE_INFO)
                ((VkPipelineCreateFlags2CreateInfo *)s)->flags |= flags;
    }
    // No cache: what comes out of one may have no statistics.
    (void)cache;
    VkResult result = next_create_pipelines(device, VK_NULL_HANDLE, count, mine, allocator, pipelines);
    free(mine);
    if (result != VK_SUCCESS) {
        fprintf(stderr, "isa: the driver refuses a pipeline: %d\n", result);
        return result;
    }
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < count; i++) describe_pipeline(&describer, device, pipelines[i], &infos[i]);
    pthread_mutex_unlock(&lock);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL set_name(VkDevice device, const VkDebugUtilsObjectNameInfoEXT *info) {
    if (info->objectType == VK_OBJECT_TYPE_PIPELINE && info->pObjectName) {
        pthread_mutex_lock(&lock);
        describe_name(&describer, (VkPipeline)info->objectHandle, info->pObjectName);
        pthread_mutex_unlock(&lock);
    }
    return next_set_name ? next_set_name(device, info) : VK_SUCCESS;
}

// The loader's link of this layer to the next, in the chain of an instance's or a device's creation.
static void *link_of(const void *chain, VkStructureType type) {
    for (VkLayerInstanceCreateInfo *s = (void *)chain; s; s = (void *)s->pNext)
        if (s->sType == type && s->function == VK_LAYER_LINK_INFO) return s;
    return NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkInstance *instance) {
    VkLayerInstanceCreateInfo *link = link_of(info->pNext, VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
    if (!link) return VK_ERROR_INITIALIZATION_FAILED;
    next_instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkCreateInstance next = (PFN_vkCreateInstance)next_instance_proc(NULL, "vkCreateInstance");
    VkResult result = next(info, allocator, instance);
    if (result == VK_SUCCESS) the_instance = *instance;
    return result;
}

// `core` is where robustBufferAccess is written when the program's own features are const.
static void set_robustness(VkDeviceCreateInfo *info, VkPhysicalDeviceFeatures *core) {
    const char *asked = getenv("LOWBIT_ISA_ROBUST");
    if (!asked) return;
    VkBool32 on = *asked != '0', told = VK_FALSE;
    for (VkBaseOutStructure *s = (void *)info->pNext; s; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2) {
            ((VkPhysicalDeviceFeatures2 *)s)->features.robustBufferAccess = on;
            told = VK_TRUE;
        }
        // It includes robustBufferAccess, and is left as it is where that is on.
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT && !on)
            ((VkPhysicalDeviceRobustness2FeaturesEXT *)s)->robustBufferAccess2 = VK_FALSE;
    }
    if (told) return;
    if (info->pEnabledFeatures) *core = *info->pEnabledFeatures;
    core->robustBufferAccess = on;
    info->pEnabledFeatures = core;
}

static void find_functions(VkDevice device) {
#define NEXT(name) (PFN_##name) next_device_proc(device, #name)
    next_create_pipelines = NEXT(vkCreateComputePipelines);
    next_set_name = NEXT(vkSetDebugUtilsObjectNameEXT);
    describer.executables = NEXT(vkGetPipelineExecutablePropertiesKHR);
    describer.statistics = NEXT(vkGetPipelineExecutableStatisticsKHR);
    describer.texts = NEXT(vkGetPipelineExecutableInternalRepresentationsKHR);
#undef NEXT
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkDevice *device) {
    static const char extension[] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    VkLayerDeviceCreateInfo *link = link_of(info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
    describer.folder = getenv("LOWBIT_ISA");
    if (!link || !describer.folder) return VK_ERROR_INITIALIZATION_FAILED;
    PFN_vkGetInstanceProcAddr instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    next_device_proc = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    PFN_vkGetPhysicalDeviceProperties properties_of = (PFN_vkGetPhysicalDeviceProperties)
        instance_proc(the_instance, "vkGetPhysicalDeviceProperties");
    VkPhysicalDeviceProperties properties;
    properties_of(physical, &properties);
    snprintf(describer.device, sizeof describer.device, "%s", properties.deviceName);

    VkDeviceCreateInfo mine = *info;
    uint32_t count = info->enabledExtensionCount;
    const char **names = calloc(count + 1, sizeof *names);
    if (!names) return VK_ERROR_OUT_OF_HOST_MEMORY;
    VkBool32 has = VK_FALSE;
    for (uint32_t i = 0; i < count; i++) {
        names[i] = info->ppEnabledExtensionNames[i];
        has |= !strcmp(names[i], extension);
    }
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pNext = (void *)info->pNext,
        .pipelineExecutableInfo = VK_TRUE,
    };
    if (!has) {
        names[count++] = extension;
        mine.pNext = &feature;
    }
    mine.enabledExtensionCount = count;
    mine.ppEnabledExtensionNames = names;
    VkPhysicalDeviceFeatures core = {0};
    set_robustness(&mine, &core);
    PFN_vkCreateDevice next = (PFN_vkCreateDevice)instance_proc(the_instance, "vkCreateDevice");
    VkResult result = next(physical, &mine, allocator, device);
    free(names);
    if (result == VK_SUCCESS) find_functions(*device);
    return result;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name);

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name) {
    if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)device_proc;
    if (!strcmp(name, "vkCreateComputePipelines")) return (PFN_vkVoidFunction)create_pipelines;
    if (!strcmp(name, "vkSetDebugUtilsObjectNameEXT")) return (PFN_vkVoidFunction)set_name;
    return next_device_proc ? next_device_proc(device, name) : NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name) {
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } own[] = {
        {"vkGetInstanceProcAddr", (PFN_vkVoidFunction)instance_proc},
        {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)device_proc},
        {"vkCreateInstance", (PFN_vkVoidFunction)create_instance},
        {"vkCreateDevice", (PFN_vkVoidFunction)create_device},
        {"vkCreateComputePipelines", (PFN_vkVoidFunction)create_pipelines},
        {"vkSetDebugUtilsObjectNameEXT", (PFN_vkVoidFunction)set_name},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strcmp(name, own[i].name)) return own[i].function;
    return next_instance_proc ? next_instance_proc(instance, name) : NULL;
}

// What the loader calls first; layer.json has its name.
VKAPI_ATTR VkResult VKAPI_CALL negotiate(VkNegotiateLayerInterface *version) {
    if (version->loaderLayerInterfaceVersion > 2) version->loaderLayerInterfaceVersion = 2;
    version->pfnGetInstanceProcAddr = instance_proc;
    version->pfnGetDeviceProcAddr = device_proc;
    version->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
