targetScope = 'subscription'

@description('The azd environment; the resource group is called after it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('The region of everything; it needs Flex Consumption and the embedding model.')
param location string

@description('Object id of who deploys and prepares the database, its Entra administrator.')
param principalId string

@description('Name of the same in Entra; empty: the signed-in user. A service principal must give it.')
param principalName string = ''

@description('Tokens per minute of the embedding model, in thousands; it comes out of the quota of the subscription.')
@minValue(1)
param embeddingCapacity int = 120

@description('Instances of the app at most, for each of its three groups of functions: they share the connections that the database server admits.')
@minValue(1)
@maxValue(10)
param maximumInstances int = 1

@description('Whether Durable Functions keeps its state in a Durable Task Scheduler instead of Azure Storage.')
param useDurableTaskScheduler bool = false

var tags = { 'azd-env-name': environmentName }
var token = uniqueString(subscription().id, environmentName, location)
var signedInUser = az.deployer().?userPrincipalName ?? ''
var administratorName = empty(principalName) ? signedInUser : principalName
var administratorType = contains(administratorName, '@') ? 'User' : 'ServicePrincipal'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  name: 'identity'
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module deployer 'modules/identity.bicep' = {
  scope: group
  name: 'deployer'
  params: {
    name: 'id-deploy-${token}'
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  name: 'storage'
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module packages 'modules/packages.bicep' = {
  scope: group
  name: 'packages'
  params: {
    name: 'stpkg${token}'
    location: location
    tags: tags
    principalId: deployer.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  name: 'monitoring'
  params: {
    token: token
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module postgres 'modules/postgres.bicep' = {
  scope: group
  name: 'postgres'
  params: {
    name: 'psql-${token}'
    location: location
    tags: tags
    administratorId: principalId
    administratorName: administratorName
    administratorType: administratorType
    workspaceId: monitoring.outputs.workspaceId
  }
}

module redis 'modules/redis.bicep' = {
  scope: group
  name: 'redis'
  params: {
    name: 'redis-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module openai 'modules/openai.bicep' = {
  scope: group
  name: 'openai'
  params: {
    name: 'oai-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    capacity: embeddingCapacity
    workspaceId: monitoring.outputs.workspaceId
  }
}

module scheduler 'modules/scheduler.bicep' = if (useDurableTaskScheduler) {
  scope: group
  name: 'scheduler'
  params: {
    name: 'dts-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module functions 'modules/functions.bicep' = {
  scope: group
  name: 'functions'
  params: {
    token: token
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityName: identity.outputs.name
    identityClientId: identity.outputs.clientId
    deployerId: deployer.outputs.id
    storageName: storage.outputs.name
    deploymentContainer: packages.outputs.deploymentContainer
    monitoringConnection: monitoring.outputs.connectionString
    databaseHost: postgres.outputs.host
    databaseName: postgres.outputs.database
    databaseConnections: postgres.outputs.connections
    maximumInstances: maximumInstances
    redisHost: redis.outputs.host
    openaiEndpoint: openai.outputs.endpoint
    embeddingModel: openai.outputs.deployment
    requestsPerMinute: openai.outputs.requestsPerMinute
    tokensPerMinute: openai.outputs.tokensPerMinute
    schedulerEndpoint: useDurableTaskScheduler ? scheduler!.outputs.endpoint : ''
    taskHub: useDurableTaskScheduler ? scheduler!.outputs.taskHub : ''
  }
}

// azd keeps these, and hands them to infra/prepare-database.sh as environment variables.
output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP string = functions.outputs.name
output FUNCTION_APP_IDENTITY string = identity.outputs.name
output POSTGRES_SERVER_ID string = postgres.outputs.id
output POSTGRES_HOST string = postgres.outputs.host
output POSTGRES_DATABASE string = postgres.outputs.database
output POSTGRES_ADMINISTRATOR string = administratorName
output AZURE_OPENAI_ENDPOINT string = openai.outputs.endpoint
output EMBEDDING_MODEL string = openai.outputs.deployment
