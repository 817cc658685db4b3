#ifndef INPUT_CONFIG_H_
#define INPUT_CONFIG_H_

#define FE_WIN 1
#define FE_FFT 1
#define FE_DC_REM 1
#define FE_BIN 1
#define FE_LOG 1
#define FE_CONCAT 1
#define FE_VARIABLES 2
#define FE_FRAME_SIZE 64
#define FE_HL 1
#define FE_FEATURE_SIZE_PER_FRAME 8
#define FE_STACKING_CHANNELS 2
#define FE_STACKING_FRAME_WIDTH 16
#define FE_NN_OUT_SIZE 3
#define FE_OFFSET 0
#define FE_SCALE 4.0f
#define FE_NUM_FRAME_CONCAT 2
#define FE_FRAME_SKIP 1
#define FE_FFT_STAGES 6
#define FE_MIN_FFT_BIN 1
#define FE_FFT_BIN_SIZE 4
#define FE_BIN_NORMALIZE 1
#define FE_LOG_MUL 20.0f
#define FE_LOG_BASE 10.0f
#define FE_LOG_TOL 9.99999991e-38f
#define SKIP_NORMALIZE
#define OUTPUT_INT


#endif /* INPUT_CONFIG_H_ */
