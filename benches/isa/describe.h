// How a pipeline becomes a line of JSON; see describe.c.
#include <vulkan/vulkan.h>

// The driver's functions, and the folder that is written to.
struct describer {
    const char *folder;
    char device[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    PFN_vkGetPipelineExecutablePropertiesKHR executables;
    PFN_vkGetPipelineExecutableStatisticsKHR statistics;
    PFN_vkGetPipelineExecutableInternalRepresentationsKHR texts;
};

void describe_pipeline(const struct describer *with, VkDevice device, VkPipeline pipeline,
                       const VkComputePipelineCreateInfo *info);
void describe_name(const struct describer *with, VkPipeline pipeline, const char *name);
