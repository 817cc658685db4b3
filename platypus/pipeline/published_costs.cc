#include "platypus/pipeline/published_costs.h"

#include <algorithm>
#include <iterator>

namespace platypus::pipeline {
namespace {

// The model zoo's page of the reference; its C28x columns may count 16-bit words.
// clang-format off
constexpr PublishedCost kPublished[] = {
    {"CLS_1k_NPU", "Cortex-M0+", 3725652, 3858, 12320},
    {"CLS_1k_NPU", "Cortex-M0+ with NPU", 349653, 5330, 10416},
    {"CLS_1k_NPU", "C28x", 1725188, 3242, 12320},
    {"CLS_1k_NPU", "C28x with NPU", 195676, 3340, 6250},
    {"CLS_1k_NPU", "C29x", 669310, 9600, 12320},
    {"CLS_1k_NPU", "Cortex-M33", 1300325, 7890, 12320},
    {"CLS_1k_NPU", "Cortex-M33 with CDE", 883383, 11740, 10384},
    {"CLS_4k_NPU", "Cortex-M0+", 1473033, 7522, 2976},
    {"CLS_4k_NPU", "Cortex-M0+ with NPU", 195162, 9382, 2736},
    {"CLS_4k_NPU", "C28x", 752342, 6433, 1936},
    {"CLS_4k_NPU", "C28x with NPU", 117686, 5400, 1690},
    {"CLS_4k_NPU", "C29x", 277084, 12608, 2976},
    {"CLS_4k_NPU", "Cortex-M33", 596086, 13812, 2976},
    {"CLS_4k_NPU", "Cortex-M33 with CDE", 420317, 16160, 3488},
    {"CLS_6k_NPU", "Cortex-M0+", 9343020, 9626, 16416},
    {"CLS_6k_NPU", "Cortex-M0+ with NPU", 408087, 11630, 8436},
    {"CLS_6k_NPU", "C28x", 3828374, 8302, 16416},
    {"CLS_6k_NPU", "C28x with NPU", 348174, 6582, 8364},
    {"CLS_6k_NPU", "C29x", 1693785, 13878, 16416},
    {"CLS_6k_NPU", "Cortex-M33", 3186844, 13146, 16416},
    {"CLS_6k_NPU", "Cortex-M33 with CDE", 2579155, 22758, 12512},
    {"CLS_13k_NPU", "Cortex-M0+", 7405900, 20356, 5408},
    {"CLS_13k_NPU", "Cortex-M0+ with NPU", 432214, 20524, 5376},
    {"CLS_13k_NPU", "C28x", 2847296, 17343, 4160},
    {"CLS_13k_NPU", "C28x with NPU", 328913, 10966, 3218},
    {"CLS_13k_NPU", "C29x", 1508205, 35646, 5408},
    {"CLS_13k_NPU", "Cortex-M33", 2887600, 26362, 5408},
    {"CLS_13k_NPU", "Cortex-M33 with CDE", 2045094, 50432, 6720},
    {"MotorFault_model_1_t", "Cortex-M0+", 142067, 1704, 1024},
    {"MotorFault_model_1_t", "Cortex-M0+ with NPU", 16831, 3246, 916},
    {"MotorFault_model_1_t", "C28x", 50830, 1214, 1016},
    {"MotorFault_model_1_t", "C28x with NPU", 25354, 1838, 1112},
    {"MotorFault_model_1_t", "C29x", 28179, 17130, 1024},
    {"MotorFault_model_1_t", "Cortex-M33", 55830, 4394, 1024},
    {"MotorFault_model_1_t", "Cortex-M33 with CDE", 49626, 5134, 1376},
    {"MotorFault_model_2_t", "Cortex-M0+", 3698626, 6536, 10880},
    {"MotorFault_model_2_t", "Cortex-M0+ with NPU", 94637, 8018, 3252},
    {"MotorFault_model_2_t", "C28x", 1375817, 5262, 10872},
    {"MotorFault_model_2_t", "C28x with NPU", 178527, 4262, 3198},
    {"MotorFault_model_2_t", "C29x", 740243, 15404, 10880},
    {"MotorFault_model_2_t", "Cortex-M33", 1527162, 17610, 10880},
    {"MotorFault_model_2_t", "Cortex-M33 with CDE", 1762990, 17516, 4608},
    {"MotorFault_model_3_t", "Cortex-M0+", 179145, 4084, 672},
    {"MotorFault_model_3_t", "Cortex-M0+ with NPU", 22974, 4922, 932},
    {"MotorFault_model_3_t", "C28x", 75270, 3069, 656},
    {"MotorFault_model_3_t", "C28x with NPU", 39528, 2643, 1116},
    {"MotorFault_model_3_t", "C29x", 37994, 10438, 672},
    {"MotorFault_model_3_t", "Cortex-M33", 78771, 8188, 672},
    {"MotorFault_model_3_t", "Cortex-M33 with CDE", 106876, 10336, 1408},
    {"ArcFault_model_200_t", "Cortex-M0+", 130223, 2212, 1040},
    {"ArcFault_model_200_t", "Cortex-M0+ with NPU", 16650, 3606, 900},
    {"ArcFault_model_200_t", "C28x", 51799, 1619, 1026},
    {"ArcFault_model_200_t", "C28x with NPU", 29020, 2050, 858},
    {"ArcFault_model_200_t", "C29x", 24915, 7126, 1040},
    {"ArcFault_model_200_t", "Cortex-M33", 56519, 7938, 1040},
    {"ArcFault_model_200_t", "Cortex-M33 with CDE", 39327, 5408, 1048},
    {"ArcFault_model_300_t", "Cortex-M0+", 238404, 2398, 1552},
    {"ArcFault_model_300_t", "Cortex-M0+ with NPU", 21269, 3814, 1644},
    {"ArcFault_model_300_t", "C28x", 100332, 1797, 1538},
    {"ArcFault_model_300_t", "C28x with NPU", 38202, 2154, 1606},
    {"ArcFault_model_300_t", "C29x", 42968, 8648, 1552},
    {"ArcFault_model_300_t", "Cortex-M33", 108050, 7606, 1552},
    {"ArcFault_model_300_t", "Cortex-M33 with CDE", 70614, 6838, 1576},
    {"ArcFault_model_700_t", "Cortex-M0+", 347458, 3152, 1552},
    {"ArcFault_model_700_t", "Cortex-M0+ with NPU", 25261, 4446, 1644},
    {"ArcFault_model_700_t", "C28x", 117877, 1866, 1538},
    {"ArcFault_model_700_t", "C28x with NPU", 46215, 2492, 1606},
    {"ArcFault_model_700_t", "C29x", 60153, 9044, 1552},
    {"ArcFault_model_700_t", "Cortex-M33", 145336, 9754, 1552},
    {"ArcFault_model_700_t", "Cortex-M33 with CDE", 91920, 11000, 1576},
    {"ArcFault_model_1400_t", "Cortex-M0+", 579321, 4116, 2280},
    {"ArcFault_model_1400_t", "Cortex-M0+ with NPU", 35332, 5514, 2408},
    {"ArcFault_model_1400_t", "C28x", 290613, 3576, 2280},
    {"ArcFault_model_1400_t", "C28x with NPU", 68180, 3048, 2370},
    {"ArcFault_model_1400_t", "C29x", 147500, 17074, 2280},
    {"ArcFault_model_1400_t", "Cortex-M33", 288124, 9164, 2280},
    {"ArcFault_model_1400_t", "Cortex-M33 with CDE", 170529, 13644, 2280},
};
// clang-format on

}  // namespace

std::vector<PublishedCost> PublishedCosts(const std::string& model) {
  std::vector<PublishedCost> costs;
  std::ranges::copy_if(kPublished, std::back_inserter(costs),
                       [&](const PublishedCost& cost) { return model == cost.model; });
  return costs;
}

}  // namespace platypus::pipeline
